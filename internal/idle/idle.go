// Package idle waits between two tries of something, and no longer than its context. It imports nothing of the module.
package idle

import (
	"context"
	"math/rand/v2"
	"time"
)

// For waits for d. The error is the context's, if it ends before that.
func For(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// About waits for d, which is above 0, give or take half, so that those who failed together do not try again together.
func About(ctx context.Context, d time.Duration) error {
	return For(ctx, d/2+rand.N(d)) //nolint:gosec // spreads retries, no secret
}
