"""The README's pictures, drawn from what runs: `python -m tests.pictures` (needs selenium, chromium, chromedriver)."""
