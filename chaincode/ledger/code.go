package ledger

import (
	"errors"
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/epcis"
)

// CodeInternal is the code of an error that is none of the refusals below: a fault of the machinery.
const CodeInternal = "WB_INTERNAL"

// The stable codes of the refusals. They are part of the API: programs compare them.
const (
	CodeMalformed     = "WB_MALFORMED"
	CodeSchema        = "WB_SCHEMA"
	CodeConflict      = "WB_CONFLICT"
	CodeUnauthorised  = "WB_UNAUTHORISED"
	CodeTooLarge      = "WB_TOO_LARGE"
	CodeNotFound      = "WB_NOT_FOUND"
	CodeSignature     = "WB_SIGNATURE"
	CodeSegmentGap    = "WB_SEGMENT_GAP"
	CodeSegmentReplay = "WB_SEGMENT_REPLAY"
	CodeSegmentChain  = "WB_SEGMENT_CHAIN"
	CodeSegmentOrder  = "WB_SEGMENT_ORDER"
	CodeUnknownDevice = "WB_UNKNOWN_DEVICE"
	CodeTimeFuture    = "WB_TIME_FUTURE"
	CodeClockSkew     = "WB_CLOCK_SKEW"
	CodeAnchorOrder   = "WB_ANCHOR_ORDER"

	CodeOverflow       = "WB_OVERFLOW"
	CodeUnbalanced     = "WB_UNBALANCED"
	CodeNoteSpent      = "WB_NOTE_SPENT"
	CodeNoteLocked     = "WB_NOTE_LOCKED"
	CodeNotLocked      = "WB_NOTE_NOT_LOCKED"
	CodeNotOwner       = "WB_NOT_OWNER"
	CodeNoAccount      = "WB_NO_ACCOUNT"
	CodeAccountFrozen  = "WB_ACCOUNT_FROZEN"
	CodeAllowance      = "WB_ALLOWANCE"
	CodeStake          = "WB_STAKE"
	CodeNoCreditPolicy = "WB_NO_CREDIT_POLICY" //nolint:gosec // the name of an error
	CodeKeepers        = "WB_KEEPERS"

	CodeModelState   = "WB_MODEL_STATE"
	CodeModelBlocked = "WB_MODEL_BLOCKED"
	CodeModelGate    = "WB_MODEL_GATE"
	CodeApproval     = "WB_MODEL_APPROVAL"
	CodeArtefact     = "WB_MODEL_ARTEFACT"

	CodeNoScoringPolicy = "WB_NO_SCORING_POLICY"
	CodeScorer          = "WB_NOT_SCORER"
	CodeFewScorers      = "WB_FEW_SCORERS"
	CodeTaskState       = "WB_TASK_STATE"
	CodeTaskTime        = "WB_TASK_TIME"
	CodeCommitment      = "WB_COMMITMENT"
	CodeProof           = "WB_PROOF"
	CodeNotAnchored     = "WB_NOT_ANCHORED"
)

// coded pairs a refusal with its code; the first match counts.
func coded() [40]struct {
	err  error
	code string
} {
	return [...]struct {
		err  error
		code string
	}{
		{ErrSchema, CodeSchema},
		{ErrConflict, CodeConflict},
		{ErrUnauthorised, CodeUnauthorised},
		{ErrTooLarge, CodeTooLarge},
		{ErrUnknown, CodeNotFound},
		{ErrSignature, CodeSignature},
		{ErrGap, CodeSegmentGap},
		{ErrReplay, CodeSegmentReplay},
		{ErrChain, CodeSegmentChain},
		{ErrOrder, CodeSegmentOrder},
		{ErrDevice, CodeUnknownDevice},
		{ErrFuture, CodeTimeFuture},
		{ErrSkew, CodeClockSkew},
		{ErrAnchorOrder, CodeAnchorOrder},
		{ErrOverflow, CodeOverflow},
		{ErrUnbalanced, CodeUnbalanced},
		{ErrNoteSpent, CodeNoteSpent},
		{ErrLocked, CodeNoteLocked},
		{ErrNotLocked, CodeNotLocked},
		{ErrNotOwner, CodeNotOwner},
		{ErrNoAccount, CodeNoAccount},
		{ErrAccountFrozen, CodeAccountFrozen},
		{ErrAllowance, CodeAllowance},
		{ErrStake, CodeStake},
		{ErrNoCreditPolicy, CodeNoCreditPolicy},
		{ErrKeepers, CodeKeepers},
		{ErrModelState, CodeModelState},
		{ErrModelBlocked, CodeModelBlocked},
		{ErrGate, CodeModelGate},
		{ErrApproval, CodeApproval},
		{ErrArtefact, CodeArtefact},
		{ErrNoScoringPolicy, CodeNoScoringPolicy},
		{ErrScorer, CodeScorer},
		{ErrFewScorers, CodeFewScorers},
		{ErrTaskState, CodeTaskState},
		{ErrTaskTime, CodeTaskTime},
		{ErrCommitment, CodeCommitment},
		{ErrProof, CodeProof},
		{ErrNotAnchored, CodeNotAnchored},
		{ErrMalformed, CodeMalformed},
	}
}

// Code gives the stable code of an error: that of the refusal it wraps, that of the first fault for
// an event which is not EPCIS, the code of an Error, CodeInternal for anything else and "" for nil.
func Code(err error) string {
	if err == nil {
		return ""
	}
	if f, ok := errors.AsType[epcis.Fault](err); ok {
		return f.Code
	}
	for _, c := range coded() {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return CodeInternal
}

// ErrorText gives an error the form in which it crosses a boundary that carries text only: its code,
// a colon, its message.
func ErrorText(err error) string { return Code(err) + ": " + err.Error() }

// ParseCode finds the first code in text and gives it with what follows its colon, so that the code
// survives whatever the carriers in between put before it. Without a code it gives "" and the text.
func ParseCode(text string) (code, rest string) {
	for from := 0; ; {
		i := strings.Index(text[from:], "WB_")
		if i < 0 {
			return "", text
		}
		i += from
		end := i + len("WB_")
		for end < len(text) && (text[end] == '_' || text[end] >= 'A' && text[end] <= 'Z' || text[end] >= '0' && text[end] <= '9') {
			end++
		}
		if end > i+len("WB_") && (end == len(text) || text[end] == ':') {
			return text[i:end], strings.TrimSpace(strings.TrimPrefix(text[end:], ":"))
		}
		from = end
	}
}

// refuse wraps a refusal with what is wrong and what to do.
func refuse(refusal error, format string, args ...any) error {
	return fmt.Errorf("%w: %s", refusal, fmt.Sprintf(format, args...))
}
