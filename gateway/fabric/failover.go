package fabric

import (
	"context"
	"errors"
	"slices"
	"time"

	"google.golang.org/grpc/backoff"
)

// How long a peer that failed is passed over: doubling from penaltyMin to penaltyMax.
const (
	penaltyMin = time.Second
	penaltyMax = 30 * time.Second
)

func reconnectBackoff() backoff.Config {
	return backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second}
}

// each calls f on the peers in order of preference until one answers: a peer that cannot be reached
// is passed over for the next, and for a while afterwards. Every other failure is the answer. The
// limit is for all peers together; a caller's shorter deadline holds.
func each[T any](ctx context.Context, c *Client, op string, limit time.Duration, f func(context.Context, *node) (T, string, error)) (T, error) {
	var none T
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last *Error
	for _, n := range c.order() {
		out, txID, err := f(limited, n)
		if err == nil {
			c.succeeded(n)
			return out, nil
		}
		last = classify(ctx, op, n.name, txID, err)
		switch {
		case errors.Is(last.Kind, ErrUnavailable):
			c.failed(n)
			if limited.Err() != nil {
				return none, last
			}
			continue
		case errors.Is(last.Kind, ErrDeadline):
			if !errors.Is(last, context.DeadlineExceeded) {
				c.failed(n) // the next call tries another peer
			}
		}
		return none, last
	}
	if last == nil {
		last = &Error{Op: op, Kind: ErrClosed}
	}
	return none, last
}

// order lists the peers to try: those in good health by preference, then those that failed, the
// earliest to be tried again first. It is empty once the client is closed.
func (c *Client) order() []*node {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	now := time.Now()
	up := make([]*node, 0, len(c.peers))
	var down []*node
	for _, n := range c.peers {
		if n.downTill.After(now) {
			down = append(down, n)
		} else {
			up = append(up, n)
		}
	}
	slices.SortStableFunc(down, func(a, b *node) int { return a.downTill.Compare(b.downTill) })
	return append(up, down...)
}

func (c *Client) failed(n *node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	penalty := min(penaltyMin<<min(n.failures, 10), penaltyMax)
	n.failures++
	n.downTill = time.Now().Add(penalty)
}

func (c *Client) succeeded(n *node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n.failures, n.downTill = 0, time.Time{}
}
