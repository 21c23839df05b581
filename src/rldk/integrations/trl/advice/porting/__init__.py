"""What changes in a program, line by line, from one TRL release to another.

The program is read as a syntax tree. It is never imported, run or changed.
"""
