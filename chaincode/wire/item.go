package wire

import (
	"fmt"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// storedItem is an item's state as the world state holds it: the EPC is in the key, and the events
// that the registers name stand once each in Stamps, since few events set many registers.
type storedItem struct {
	Stamps       []stamp           `cbor:"1,keyasint"`
	Status       ledger.ItemStatus `cbor:"2,keyasint,omitempty"`
	StatusBy     int               `cbor:"3,keyasint,omitempty"` // 1 + index in Stamps; 0: never set
	Custodian    string            `cbor:"4,keyasint,omitempty"`
	CustodianBy  int               `cbor:"5,keyasint,omitempty"`
	Container    string            `cbor:"6,keyasint,omitempty"`
	ContainerBy  int               `cbor:"7,keyasint,omitempty"`
	LastBy       int               `cbor:"8,keyasint,omitempty"`
	CommissionBy int               `cbor:"9,keyasint,omitempty"`
	EndedBy      int               `cbor:"10,keyasint,omitempty"`
	MovedBy      int               `cbor:"11,keyasint,omitempty"`
	Disposition  string            `cbor:"12,keyasint,omitempty"`
	Place        string            `cbor:"13,keyasint,omitempty"`
	BizStep      string            `cbor:"14,keyasint,omitempty"`
}

// stamp is the moment of an event and the event.
type stamp struct {
	_    struct{} `cbor:",toarray"`
	At   ledger.Millis
	Hash ledger.Digest
}

// maxItemStamps is the number of registers: each has at most one event of its own.
const maxItemStamps = 7

// EncodeItem gives the stored form of an item's state.
func EncodeItem(s ledger.ItemState) ([]byte, error) {
	out := storedItem{
		Status: s.Status, Custodian: s.Custodian, Container: s.Container,
		Disposition: s.Disposition, Place: s.Place, BizStep: s.BizStep, Stamps: []stamp{},
	}
	ref := func(at ledger.Millis, by ledger.Digest) int {
		if by.IsZero() {
			return 0
		}
		for i, st := range out.Stamps {
			if st.Hash == by && st.At == at {
				return i + 1
			}
		}
		out.Stamps = append(out.Stamps, stamp{At: at, Hash: by})
		return len(out.Stamps)
	}
	out.StatusBy = ref(s.StatusAt, s.StatusBy)
	out.CustodianBy = ref(s.CustodianAt, s.CustodianBy)
	out.ContainerBy = ref(s.ContainerAt, s.ContainerBy)
	out.LastBy = ref(s.LastAt, s.LastEvent)
	out.CommissionBy = ref(s.CommissionedAt, s.CommissionedBy)
	out.EndedBy = ref(s.EndedAt, s.EndedBy)
	out.MovedBy = ref(s.MovedAt, s.MovedBy)
	return Encode(out)
}

// DecodeItem reads the stored form of the state of the item with this EPC.
func DecodeItem(epc string, data []byte) (ledger.ItemState, error) {
	in, err := Decode[storedItem](data, MaxStoredBytes)
	if err != nil {
		return ledger.ItemState{}, err
	}
	if len(in.Stamps) > maxItemStamps {
		return ledger.ItemState{}, fmt.Errorf("%w: %d stamps of an item", ledger.ErrMalformed, len(in.Stamps))
	}
	s := ledger.ItemState{
		EPC: epc, Status: in.Status, Custodian: in.Custodian, Container: in.Container,
		Disposition: in.Disposition, Place: in.Place, BizStep: in.BizStep,
	}
	for _, r := range []struct {
		ref int
		at  *ledger.Millis
		by  *ledger.Digest
	}{
		{in.StatusBy, &s.StatusAt, &s.StatusBy},
		{in.CustodianBy, &s.CustodianAt, &s.CustodianBy},
		{in.ContainerBy, &s.ContainerAt, &s.ContainerBy},
		{in.LastBy, &s.LastAt, &s.LastEvent},
		{in.CommissionBy, &s.CommissionedAt, &s.CommissionedBy},
		{in.EndedBy, &s.EndedAt, &s.EndedBy},
		{in.MovedBy, &s.MovedAt, &s.MovedBy},
	} {
		if r.ref < 0 || r.ref > len(in.Stamps) {
			return ledger.ItemState{}, fmt.Errorf("%w: an item names stamp %d of %d", ledger.ErrMalformed, r.ref, len(in.Stamps))
		}
		if r.ref > 0 {
			*r.at, *r.by = in.Stamps[r.ref-1].At, in.Stamps[r.ref-1].Hash
		}
	}
	return s, nil
}
