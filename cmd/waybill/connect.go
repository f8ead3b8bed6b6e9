package main

import (
	"context"

	"google.golang.org/grpc"

	"github.com/waybill-dev/waybill/api/client"
)

// connect makes a connection to the organisation's API as the identity of that name, or as the one
// that --identity names. It opens nothing yet: an API that is not there shows at the first call.
func (a *app) connect(identity string) (*grpc.ClientConn, error) {
	if a.dialed != nil {
		return a.dialed, nil
	}
	p, err := a.loadProfile()
	if err != nil {
		return nil, err
	}
	if a.identity != "" {
		identity = a.identity
	}
	if _, err := p.Identity(identity); err != nil {
		return nil, err
	}
	return client.Dial(p, identity)
}

// within bounds a command's work by --timeout, if it is given.
func (a *app) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.timeout > 0 {
		return context.WithTimeout(ctx, a.timeout)
	}
	return context.WithCancel(ctx)
}
