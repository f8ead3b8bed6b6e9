package dataset

import (
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// standing is what verdicts come to. From when a scoring policy is in force a single organisation's word is none: else each
// could keep out of training, or bring into it, what it likes. A word of before stands until its window is final.
type standing struct {
	governed bool
	finals   map[string]ledger.VerdictLevel // the worst, by shipment
	words    map[string]map[judged]ledger.VerdictLevel
}

// judged is what a verdict on a shipment is of.
type judged struct {
	window uint32
	model  string
}

func newStanding() standing {
	return standing{finals: map[string]ledger.VerdictLevel{}, words: map[string]map[judged]ledger.VerdictLevel{}}
}

// take takes what a transaction says. A final verdict is recorded under a verdict's key with it, or stands over another there.
func (s *standing) take(tx *wire.Transaction) {
	s.governed = s.governed || len(tx.Scoring.Policies) > 0
	if !s.governed {
		for _, v := range tx.Verdicts {
			if s.words[v.Shipment] == nil {
				s.words[v.Shipment] = map[judged]ledger.VerdictLevel{}
			}
			s.words[v.Shipment][judged{v.Window, v.Model}] = v.Level
		}
	}
	for _, f := range tx.Scoring.Finals {
		s.finals[f.Shipment] = max(s.finals[f.Shipment], f.Answer.Level)
		for word := range s.words[f.Shipment] {
			// One of scorers' own models is of all models.
			if word.window == f.Window && (f.Model == "" || word.model == f.Model) {
				delete(s.words[f.Shipment], word)
			}
		}
	}
}

// worst is the worst that stands of a shipment.
func (s *standing) worst(shipment string) ledger.VerdictLevel {
	level := s.finals[shipment]
	for _, word := range s.words[shipment] {
		level = max(level, word)
	}
	return level
}
