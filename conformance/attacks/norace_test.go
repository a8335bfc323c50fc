//go:build !race

package attacks_test

const raced = false
