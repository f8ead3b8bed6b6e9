package trace

import (
	"encoding/hex"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// GraphJSON is a graph for programs that read JSON.
type GraphJSON struct {
	Root         string        `json:"root"`
	Direction    Direction     `json:"direction"`
	At           *time.Time    `json:"at,omitempty"`
	Nodes        []nodeJSON    `json:"nodes"`
	Edges        []edgeJSON    `json:"edges"`
	Balances     []balanceJSON `json:"balances"`
	Truncated    []Truncation  `json:"truncated"`
	LedgerHeight uint64        `json:"ledgerHeight"`
	LastBlock    string        `json:"lastBlock"`
}

type nodeJSON struct {
	ID        string       `json:"id"`
	Kind      Kind         `json:"kind"`
	Depth     int          `json:"depth"`
	Degree    Degree       `json:"degree,omitempty"`
	Container string       `json:"container,omitempty"`
	Custody   *custodyJSON `json:"custody,omitempty"`
}

type custodyJSON struct {
	Custodian string        `json:"custodian,omitempty"`
	Held      *evidenceJSON `json:"held,omitempty"`
	Status    Status        `json:"status,omitempty"`
	Since     *evidenceJSON `json:"since,omitempty"`
	Place     string        `json:"place,omitempty"`
	Seen      *evidenceJSON `json:"seen,omitempty"`
	Party     string        `json:"party,omitempty"`
	// Disputed are the rules whose open findings speak against it.
	Disputed []ledger.FindingCode `json:"disputed,omitempty"`
}

type evidenceJSON struct {
	Event string    `json:"event"`
	Time  time.Time `json:"time"`
}

type edgeJSON struct {
	From     string        `json:"from"`
	To       string        `json:"to"`
	Kind     EdgeKind      `json:"kind"`
	Begin    *evidenceJSON `json:"begin"`
	End      *evidenceJSON `json:"end,omitempty"`
	Quantity epcis.Number  `json:"quantity,omitempty"`
	UOM      string        `json:"uom,omitempty"`
}

type balanceJSON struct {
	Transformation  string       `json:"transformation"`
	Amounts         []amountJSON `json:"amounts"`
	UnstatedInputs  int          `json:"unstatedInputs,omitempty"`
	UnstatedOutputs int          `json:"unstatedOutputs,omitempty"`
}

type amountJSON struct {
	Dimension  string  `json:"dimension,omitempty"`
	UOM        string  `json:"uom,omitempty"`
	Inputs     float64 `json:"inputs"`
	Outputs    float64 `json:"outputs"`
	Difference float64 `json:"difference"`
}

// WhereJSON is where a thing is, for programs that read JSON.
type WhereJSON struct {
	ID           string       `json:"id"`
	At           *time.Time   `json:"at,omitempty"`
	Containers   []string     `json:"containers"`
	Custody      *custodyJSON `json:"custody"`
	Truncated    []Truncation `json:"truncated"`
	LedgerHeight uint64       `json:"ledgerHeight"`
	LastBlock    string       `json:"lastBlock"`
}

// JSON gives the graph for programs that read JSON. Lists are never null.
func (g *Graph) JSON() GraphJSON {
	j := GraphJSON{
		Root: g.Root, Direction: g.Direction, At: timeJSON(g.At), Nodes: []nodeJSON{}, Edges: []edgeJSON{}, Balances: []balanceJSON{},
		Truncated: append([]Truncation{}, g.Truncated...), LedgerHeight: g.AsOf.Height, LastBlock: hex.EncodeToString(g.AsOf.Hash[:]),
	}
	for _, n := range g.Nodes {
		j.Nodes = append(j.Nodes, nodeJSON{ID: n.ID, Kind: n.Kind, Depth: n.Depth, Degree: n.Degree, Container: n.Container, Custody: n.Custody.json()})
	}
	for _, e := range g.Edges {
		j.Edges = append(j.Edges, edgeJSON{From: e.From, To: e.To, Kind: e.Kind, Begin: e.Begin.json(), End: e.End.json(), Quantity: e.Quantity, UOM: e.UOM})
	}
	for _, b := range g.Balances {
		to := balanceJSON{Transformation: b.Transformation, Amounts: []amountJSON{}, UnstatedInputs: b.UnstatedInputs, UnstatedOutputs: b.UnstatedOutputs}
		for _, a := range b.Amounts {
			to.Amounts = append(to.Amounts, amountJSON{a.Dimension, a.UOM, a.Inputs, a.Outputs, a.Difference()})
		}
		j.Balances = append(j.Balances, to)
	}
	return j
}

// JSON gives the place for programs that read JSON. Lists are never null.
func (w *Where) JSON() WhereJSON {
	return WhereJSON{
		ID: w.ID, At: timeJSON(w.At), Containers: append([]string{}, w.Containers...), Custody: w.Custody.json(),
		Truncated: append([]Truncation{}, w.Truncated...), LedgerHeight: w.AsOf.Height, LastBlock: hex.EncodeToString(w.AsOf.Hash[:]),
	}
}

func timeJSON(at *ledger.Millis) *time.Time {
	if at == nil {
		return nil
	}
	t := at.Time().UTC()
	return &t
}

func (e *Evidence) json() *evidenceJSON {
	if e == nil {
		return nil
	}
	return &evidenceJSON{Event: e.Hash.String(), Time: e.At.Time().UTC()}
}

func (c *Custody) json() *custodyJSON {
	if c == nil {
		return nil
	}
	return &custodyJSON{c.Custodian, c.Held.json(), c.Status, c.Since.json(), c.Place, c.Seen.json(), c.Party, c.Disputed}
}
