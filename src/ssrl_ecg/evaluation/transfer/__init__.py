"""Does what was learned from twelve-lead recordings serve on other recorders, other leads and other labels?"""
