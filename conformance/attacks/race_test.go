//go:build race

package attacks_test

// raced: the detector takes several times the memory of what it watches.
const raced = true
