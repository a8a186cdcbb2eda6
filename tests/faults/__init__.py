"""What happens when the machine around authref fails? Each file here breaks one thing and says what it saw.

    python -m tests.faults                      all of them, some minutes
    python -m tests.faults --quick              all of them in about two
    python -m tests.faults kill --times 100     one

README.md says what must hold and what was seen. These are scripts and no unit tests: they kill, fill and stop things.
"""
