package proof

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// View is a proof for people and for programs that read JSON. File is the proof itself; what stands
// beside it is its content, and DecodeView refuses a view where it is anything else.
type View struct {
	File   []byte     `json:"proof"`
	Kind   string     `json:"kind"`
	Roots  []RootView `json:"roots"`
	Facts  []FactView `json:"facts,omitempty"`
	Hashes []string   `json:"hashes"`
}

// RootView is a root in JSON.
type RootView struct {
	Channel    string `json:"channel"`
	Genesis    string `json:"genesis"`
	Height     uint64 `json:"height"`
	Block      string `json:"blockHash"`
	Size       uint64 `json:"size"`
	Hash       string `json:"hash"`
	Signatures int    `json:"signatures"`
}

// FactView is a proven fact in JSON.
type FactView struct {
	Fact     string `json:"fact"`
	Kind     string `json:"kind"`
	Digest   string `json:"contentDigest"`
	Position uint64 `json:"leaf"`
	LeafHash string `json:"leafHash"`
	Block    uint64 `json:"block"`
	Index    uint32 `json:"index"`
	TxID     string `json:"transaction"`
	MSPID    string `json:"recordedBy"`
	At       string `json:"recordedAt"`
	Body     string `json:"body,omitempty"`
}

// NewView gives the view of a proof.
func NewView(p Proof) (View, error) {
	file, err := p.Encode()
	if err != nil {
		return View{}, err
	}
	v := View{File: file, Kind: "inclusion"}
	if p.Kind == Consistency {
		v.Kind = "consistency"
	}
	for _, r := range p.Roots {
		v.Roots = append(v.Roots, ViewRoot(r.Root, len(r.Signatures)))
	}
	for _, l := range p.Leaves {
		leaf, err := ParseLeaf(l.Leaf)
		if err != nil {
			return View{}, err
		}
		v.Facts = append(v.Facts, ViewFact(Fact{Leaf: leaf, Position: l.Index, Content: l.Content}))
	}
	for _, h := range p.hashes() {
		v.Hashes = append(v.Hashes, hex.EncodeToString(h[:]))
	}
	return v, nil
}

// DecodeView reads a view from JSON and gives the proof in it, once all that stands beside the proof is
// what the proof says: a reader of the view must not be told otherwise than a reader of the proof. Spaces
// and escapes may differ, a member more, twice or in another place may not. It verifies nothing else.
func DecodeView(data []byte) (Proof, error) {
	var given View
	if err := json.Unmarshal(data, &given); err != nil || len(given.File) == 0 {
		return Proof{}, errors.Join(fmt.Errorf("%w: JSON without the member proof", ErrMalformed), err)
	}
	p, err := Decode(given.File)
	if err != nil {
		return Proof{}, err
	}
	view, err := NewView(p)
	if err != nil {
		return Proof{}, err
	}
	want, err := json.Marshal(view)
	if err != nil {
		return Proof{}, err
	}
	// Tokens, not values: decoding into a value keeps the last of two members of one name.
	a, b := json.NewDecoder(bytes.NewReader(data)), json.NewDecoder(bytes.NewReader(want))
	a.UseNumber()
	b.UseNumber()
	for {
		said, end := a.Token()
		proven, err := b.Token()
		if said != proven {
			return Proof{}, fmt.Errorf("%w: the JSON beside the proof says other than the proof", ErrContent)
		}
		if end != nil || err != nil {
			if errors.Is(end, io.EOF) && errors.Is(err, io.EOF) {
				return p, nil
			}
			return Proof{}, errors.Join(ErrMalformed, end, err)
		}
	}
}

// ViewRoot gives the view of a root.
func ViewRoot(r ledger.Root, signatures int) RootView {
	return RootView{
		Channel: r.Channel, Genesis: r.Genesis.String(), Height: r.Height, Block: r.Block.String(), Size: r.Size,
		Hash: r.Hash.String(), Signatures: signatures,
	}
}

// ViewFact gives the view of a fact; a body that is no text is left out.
func ViewFact(f Fact) FactView {
	hash := f.Hash()
	v := FactView{
		Fact: f.String(), Kind: string(f.Kind()), Digest: f.Digest.String(), Position: f.Position, LeafHash: hex.EncodeToString(hash[:]),
		Block: f.Block, Index: f.Index, TxID: f.TxID, MSPID: f.MSPID, At: f.At.Time().Format("2006-01-02T15:04:05.000Z"),
	}
	if f.Content != nil && utf8.Valid(f.Content.Body) {
		v.Body = string(f.Content.Body)
	}
	return v
}
