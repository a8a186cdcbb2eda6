"""How fast is authref, and next to what? README.md says how to run this kit and what was measured.

No part of the unittest suite: nothing here is a test, and no test asserts a time.
"""
