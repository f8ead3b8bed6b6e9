package proof

import (
	"encoding/hex"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// View is a proof for people and for programs that read JSON. File is the proof itself; what stands
// beside it is its content and is not what is verified.
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
