package main

import (
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
