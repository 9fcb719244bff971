"""Many runs of one pipeline from a file of inputs, taken up again where an earlier call was broken off."""
