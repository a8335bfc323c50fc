package hub

import "time"

// Linger sets how long interest in a topic lasts.
func (p *Program) Linger(d time.Duration) { p.linger = d }
