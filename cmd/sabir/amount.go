package main

import (
	"errors"
	"strconv"
)

// amount is a flag for after how many to end; 0: it was not given. A 0 that is
// given is refused: it would read as none, and mean all.
type amount int

func (n *amount) Set(text string) error {
	v, err := strconv.Atoi(text)
	if err != nil || v < 1 {
		return errors.New("not a number above 0")
	}
	*n = amount(v)
	return nil
}

func (n *amount) String() string { return strconv.Itoa(int(*n)) }
func (n *amount) Type() string   { return "amount" }
