package submit_test

import (
	"os"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/wire"
)

// TestMain makes the codecs, which hold channels, before any test's bubble does.
func TestMain(m *testing.M) {
	raw, err := wire.EncodeEventBatch([]wire.EventEntry{{Body: []byte("{}")}})
	if err == nil {
		_, err = wire.DecodeEventBatch(raw)
	}
	if err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
