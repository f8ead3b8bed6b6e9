package restclient_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/api/rest/resttest"
	"github.com/waybill-dev/waybill/internal/restclient"
)

// TestAClientGeneratedFromGS1sDocumentDrivesTheBinding has a client that nobody here
// wrote use everything that the binding offers, over a store in memory.
func TestAClientGeneratedFromGS1sDocumentDrivesTheBinding(t *testing.T) {
	if testing.Short() {
		t.Skip("generates and builds a client; not with -short")
	}
	program := restclient.Build(t)
	store := resttest.New()
	server, err := rest.New(rest.Config{
		Capturer: store, Events: store, Queries: store, Subscriptions: store,
		Targets: rest.Targets{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	web := httptest.NewServer(server)
	t.Log(restclient.Drive(ctx, t, program, web.URL, "-receive"))
	stop()
	web.Close()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
