"""The naive twin: a charge as tutorials write it, to measure against. It is not Millicent, and it is not right.

Two charges at once may both see the old balance, a lost answer is charged twice where the event is sent again after an
hour, and nothing is on record but what the bus keeps.
"""
