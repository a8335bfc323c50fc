package web

import (
	"context"
	"time"
)

// leaveTime is for how long a notification's handler goes on without who sent it. spec [O7]
const leaveTime = time.Minute

// lasting is the context of a notification, which outlasts its request.
func (v *visit) lasting() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(v.r.Context()))
	stopping := context.AfterFunc(v.base, cancel)
	left := context.AfterFunc(v.r.Context(), func() {
		late := time.AfterFunc(leaveTime, cancel)
		context.AfterFunc(ctx, func() { late.Stop() })
	})
	return ctx, func() {
		left()
		stopping()
		cancel()
	}
}
