package ledger

import "slices"

// Vote is an organisation's word for a motion. Each has a key of its own; what is counted are the votes
// of those who are keepers of the network's rules when the last one comes.
type Vote struct {
	Subject Digest `cbor:"1,keyasint"` // of the motion
	Motion  string `cbor:"2,keyasint"` // what it is about, such as "mint"
	MSPID   string `cbor:"3,keyasint"`
	By      string `cbor:"4,keyasint"` // common name of the certificate
	At      Millis `cbor:"5,keyasint"`
	TxID    string `cbor:"6,keyasint"`
}

// VoteLedger answers what counting votes needs of the ledger.
type VoteLedger interface {
	// Rulebook gives the rules in force, whose keepers vote.
	Rulebook() (Rulebook, error)
	// Vote gives an organisation's vote for a motion, nil if it did not vote.
	Vote(subject Digest, mspID string) (*Vote, error)
}

// Tally is how a motion stands with the submitter's vote.
type Tally struct {
	Vote    *Vote    // to be written, nil: the submitter's organisation has voted before
	For     []string // MSP IDs, ascending
	Keepers []string // MSP IDs, ascending
	Carried bool     // more than half of the keepers are for it
}

// CastVote counts the votes for a motion with the submitter's.
func CastVote(subject Digest, motion string, l VoteLedger, tx Tx) (Tally, error) {
	keepers, err := keepersOf(l)
	if err != nil {
		return Tally{}, err
	}
	if !slices.Contains(keepers, tx.Actor.MSPID) {
		return Tally{}, refuse(ErrKeepers, "%s is not one of the keepers of the network's rules", tx.Actor.MSPID)
	}
	t := Tally{Keepers: keepers}
	for _, msp := range keepers {
		vote, err := l.Vote(subject, msp)
		if err != nil {
			return Tally{}, err
		}
		if vote == nil && msp == tx.Actor.MSPID {
			vote = &Vote{Subject: subject, Motion: motion, MSPID: msp, By: shortSubject(tx.Actor.Subject), At: tx.Time, TxID: tx.ID}
			t.Vote = vote
		}
		if vote != nil {
			t.For = append(t.For, msp)
		}
	}
	t.Carried = 2*len(t.For) > len(keepers)
	return t, nil
}

// keepersOf gives the organisations whose majority decides.
func keepersOf(l VoteLedger) ([]string, error) {
	book, err := l.Rulebook()
	if err != nil {
		return nil, err
	}
	if len(book.Rules.Keepers) == 0 {
		return nil, refuse(ErrKeepers, "the network has no rules yet; register rules that name its keepers")
	}
	return book.Rules.Keepers, nil
}
