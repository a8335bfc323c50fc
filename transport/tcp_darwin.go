package transport

import "time"

// TCP_RXT_CONNDROPTIME, in seconds.
const (
	userTimeout     = 0x80
	userTimeoutUnit = time.Second
)
