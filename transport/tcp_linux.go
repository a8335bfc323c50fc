package transport

import "time"

// TCP_USER_TIMEOUT, in milliseconds.
const (
	userTimeout     = 0x12
	userTimeoutUnit = time.Millisecond
)
