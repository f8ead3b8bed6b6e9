package rest

import "context"

// Reach posts one report to an address, as Run does.
func Reach(ctx context.Context, s *Server, dest string) error {
	return s.notify.post(ctx, Subscription{Dest: dest, EPCFormat: FormatOriginal}, []byte("{}"))
}
