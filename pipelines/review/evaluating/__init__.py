"""Running a pipeline over a set of ground truth, and comparing two of its versions item by item.

An ``Evaluation`` and its items are rows; whoever looks at them takes them as far as they can go, so one that was left
half done is simply carried on.
"""
