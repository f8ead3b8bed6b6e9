package protocolsim

import (
	"log/slog"
	"time"

	"github.com/waybill-dev/waybill/chaincode/contract"
)

// Anew gives the same world with a process of the chaincode that has just begun, as after a restart or at another peer: what
// is simulated there reads and writes the same.
func (w *World) Anew() (*World, error) {
	c := *w
	var err error
	c.code, err = contract.New(func() time.Time { return *c.clock }, slog.New(slog.DiscardHandler))
	return &c, err
}
