"""What moved a network's answer: maps of places, attention weights, and how they are shown.

A map says what the answer came from, not where the emotion is, nor that the answer is right.
"""
