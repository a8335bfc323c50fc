package transport

import "time"

// TCP_MAXUNACKTIME, in seconds.
const (
	userTimeout     = 0x44
	userTimeoutUnit = time.Second
)
