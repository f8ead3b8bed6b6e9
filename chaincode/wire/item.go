package wire

import (
	"fmt"
	"slices"

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
	Names        []string          `cbor:"15,keyasint,omitempty"` // that the steps name, once each
	Steps        []storedStep      `cbor:"16,keyasint,omitempty"`
	Open         []storedRef       `cbor:"17,keyasint,omitempty"`
}

// storedStep is a step whose event is in Stamps and whose names are in Names.
type storedStep struct {
	_         struct{} `cbor:",toarray"`
	Stamp     int      // 1 + index
	Acts      ledger.Acts
	By        int // 1 + index in Names; 0: empty
	Place     int
	Container int
	To        int
}

// storedRef is an open finding whose event is in Stamps.
type storedRef struct {
	_     struct{} `cbor:",toarray"`
	Code  ledger.FindingCode
	Stamp int
}

// stamp is the moment of an event and the event.
type stamp struct {
	_    struct{} `cbor:",toarray"`
	At   ledger.Millis
	Hash ledger.Digest
}

// maxItemStamps is the number of registers and steps: each has at most one event of its own.
const maxItemStamps = 7 + ledger.MaxItemSteps

// EncodeItem gives the stored form of an item's state.
func EncodeItem(s ledger.ItemState) ([]byte, error) {
	out := storedItem{
		Status: s.Status, Custodian: s.Custodian, Container: s.Container,
		Disposition: s.Disposition, Place: s.Place, BizStep: s.BizStep, Stamps: make([]stamp, 0, len(s.Steps)+1),
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
	name := func(text string) int {
		if text == "" {
			return 0
		}
		for i, known := range out.Names {
			if known == text {
				return i + 1
			}
		}
		out.Names = append(out.Names, text)
		return len(out.Names)
	}
	if len(s.Steps) > 0 {
		out.Steps, out.Names = make([]storedStep, len(s.Steps)), make([]string, 0, 4)
	}
	for i, t := range s.Steps {
		out.Steps[i] = storedStep{
			Stamp: ref(t.At, t.Event), Acts: t.Acts,
			By: name(t.By), Place: name(t.Place), Container: name(t.Container), To: name(t.To),
		}
	}
	for _, f := range s.Open {
		i := slices.IndexFunc(s.Steps, func(t ledger.Step) bool { return t.Event == f.Event })
		if i < 0 {
			return nil, fmt.Errorf("%w: an open finding on event %s, which is no step of the item", ledger.ErrMalformed, f.Event)
		}
		out.Open = append(out.Open, storedRef{Code: f.Code, Stamp: out.Steps[i].Stamp})
	}
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
	return s, in.steps(&s)
}

// steps reads the steps and the open findings.
func (in storedItem) steps(s *ledger.ItemState) error {
	if len(in.Steps) > ledger.MaxItemSteps {
		return fmt.Errorf("%w: %d steps of an item", ledger.ErrMalformed, len(in.Steps))
	}
	for _, t := range in.Steps {
		step := ledger.Step{Acts: t.Acts}
		if t.Stamp < 1 || t.Stamp > len(in.Stamps) {
			return fmt.Errorf("%w: a step names stamp %d of %d", ledger.ErrMalformed, t.Stamp, len(in.Stamps))
		}
		step.At, step.Event = in.Stamps[t.Stamp-1].At, in.Stamps[t.Stamp-1].Hash
		for _, n := range []struct {
			ref  int
			text *string
		}{{t.By, &step.By}, {t.Place, &step.Place}, {t.Container, &step.Container}, {t.To, &step.To}} {
			if n.ref < 0 || n.ref > len(in.Names) {
				return fmt.Errorf("%w: a step names name %d of %d", ledger.ErrMalformed, n.ref, len(in.Names))
			}
			if n.ref > 0 {
				*n.text = in.Names[n.ref-1]
			}
		}
		s.Steps = append(s.Steps, step)
	}
	for _, f := range in.Open {
		if f.Stamp < 1 || f.Stamp > len(in.Stamps) {
			return fmt.Errorf("%w: a finding names stamp %d of %d", ledger.ErrMalformed, f.Stamp, len(in.Stamps))
		}
		s.Open = append(s.Open, ledger.FindingRef{Code: f.Code, Event: in.Stamps[f.Stamp-1].Hash})
	}
	return nil
}
