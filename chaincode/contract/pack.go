package contract

import (
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// contexts are the contexts of a batch's entries: those of one context share its reading.
type contexts map[string]readContext

type readContext struct {
	context *epcis.Context
	err     error
}

// of gives the context of an entry, or why it cannot be read.
func (c contexts) of(entry wire.EventEntry) (*epcis.Context, error) {
	r, ok := c[string(entry.Context)]
	if !ok {
		r.context, r.err = epcis.ParseContext(entry.Context)
		c[string(entry.Context)] = r
	}
	return r.context, r.err
}

// keepPack keeps what was recorded of a batch of so many entries, if anything was. The argument is the pack when all
// of it was recorded: it is the same for every endorser. What remains of another is packed without compression, so
// that no endorser's version of a compressor shapes the write set.
func (t *transaction) keepPack(batch []byte, entries int, kept []wire.EventEntry) (err error) {
	if len(kept) == 0 {
		return nil
	}
	pack := batch
	if len(kept) < entries {
		if pack, err = wire.EncodePlainPack(kept); err != nil {
			return err
		}
	}
	return t.repository.CreatePack(t.ID, pack)
}
