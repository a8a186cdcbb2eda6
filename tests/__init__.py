"""Each test is a claim: its name says what is changed, its docstring what must then hold."""
