"""Extensions as somebody else would write them: a file registers one record and touches nothing of ours."""
