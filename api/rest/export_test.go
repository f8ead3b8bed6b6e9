package rest

import (
	"context"
	"time"
)

// Reach posts one report to an address, as Run does.
func Reach(ctx context.Context, s *Server, dest string) error {
	return s.notify.post(ctx, Subscription{Dest: dest, EPCFormat: FormatOriginal}, []byte("{}"))
}

// SetPing sets how often sockets are looked after.
func SetPing(s *Server, every time.Duration) { s.ping = every }
