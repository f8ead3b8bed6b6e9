package protocolsim

import (
	"fmt"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Move is something that liars tried in a round. Each is met: else the round fails, or a verdict is wrong.
type Move string

// The moves of liars who make a list that is not the window.
const (
	LeaveOutSegment  Move = "leave out the first segment"
	LeaveOutEvent    Move = "leave out an event"
	PutElsewhere     Move = "put an event where the log does not have it"
	LeaveOutOpening  Move = "leave out what opened a later journey"
	LeaveOutBoth     Move = "leave out what opened a later journey and what came next"
	LeaveOutEarly    Move = "leave out an early event of a later journey"
	PutFormer        Move = "put events of the journey before into a later one"
	BeginEarly       Move = "begin the next journey with a window of the one before"
	SkipWindow       Move = "leave out the last window of the journey before"
	BeginWithin      Move = "begin a journey within one" // the ledger does not open it
	BeginUnjudged    Move = "begin a journey after a window without a verdict"
	OtherWindow      Move = "say another window"
	Twice            Move = "list an event twice"
	CutTail          Move = "cut a logger's last segment"
	CutBothTails     Move = "cut the last segments of both loggers"
	CutWithin        Move = "cut a segment out of the midst of another logger's"
	PadReferences    Move = "pad to the bound of references"
	PadPacks         Move = "pad to the bound of packs"
	PadBytes         Move = "pad to the bound of bytes"
	PadBeyond        Move = "pad beyond the bound of bytes"
	AfterAll         Move = "open another list after the final verdict"
	Beside           Move = "keep another list open beside the right one"
	AgainVoid        Move = "open a list again that was void"
	RevokeOpen       Move = "revoke the model of an open task"
	RevokeCommitted  Move = "revoke the model of a closed task"
	RevokeRevealed   Move = "revoke the model after the first answer"
	RevokeAnswered   Move = "revoke the model after the answers"
	RevokeChallenged Move = "revoke the model after the honest scorer's turn"
)

// claimOf is the move of who claims falsely of the right list that it leaves something out.
func claimOf(d Decoy) Move {
	m := Move("claim falsely: " + string(d.Kind))
	if d.Since {
		m += ", since the journey before"
	}
	if d.Late {
		m += ", and of it"
	}
	return m
}

// Moves counts what liars tried since the world was cloned.
func (w *World) Moves() map[Move]int { return w.moves }

// refused has somebody submit what the ledger is to refuse with a code.
func (g *game) refused(who string, op ledger.TaskOperation, code string) error {
	a, err := g.try(who, op)
	if err == nil && a.Code != code {
		err = fmt.Errorf("%w: not with %s: %s %s: %s %s", ErrRefused, code, who, op.TaskKind(), a.Code, a.Message)
	}
	return err
}
