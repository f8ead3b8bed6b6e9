package scorer

import "github.com/waybill-dev/waybill/chaincode/ledger"

// Due is a verdict that is due, and what its task refers to.
type Due struct {
	Verdict ledger.Verdict
	// Statement is the task of the verdict's window: the same, byte for byte, at everybody who reads the same blocks.
	// Re-executing it gives the verdict. It is nil where that cannot be.
	Statement *ledger.TaskStatement
	// Why says, where Statement is nil, why.
	Why string
}

func (d *Docket) due(v ledger.Verdict) Due {
	if !d.tasks {
		return Due{Verdict: v, Why: "no references are kept"}
	}
	return Due{Verdict: v, Why: "what the verdict rests on is not known"}
}
