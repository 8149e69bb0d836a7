package profile

// native is the machine that we were built for.
func native() machine { return machines[2] }
