package fabric

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	gwproto "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The errors of this package; compare with errors.Is. Each says what a caller may do.
var (
	// ErrUnavailable says that no peer, orderer or endorser could be reached in time; nothing was submitted. Try again.
	ErrUnavailable = errors.New("WB_UNAVAILABLE: the network cannot be reached")
	// ErrDeadline says that a call took longer than its limit; nothing was submitted. Try again, with less.
	ErrDeadline = errors.New("WB_DEADLINE: the network took too long")
	// ErrTooMany says that the peer serves as many calls as it allows; nothing was submitted. Try again later.
	ErrTooMany = errors.New("WB_TOO_MANY: the peer refuses further concurrent calls")
	// ErrMismatch says that the endorsing peers disagreed, as they do while one of them lags
	// behind; nothing was submitted. Try again.
	ErrMismatch = errors.New("WB_ENDORSEMENT_MISMATCH: the endorsing peers gave different results")
	// ErrConflict says that the transaction was ordered and then invalidated, because another had
	// changed what it read (MVCC or phantom). It recorded nothing. Endorse again.
	ErrConflict = errors.New("WB_READ_CONFLICT: another transaction changed what this one read")
	// ErrInvalidated says that the transaction was ordered and invalidated for another reason. It recorded nothing.
	ErrInvalidated = errors.New("WB_INVALIDATED: the peers invalidated the transaction")
	// ErrRefused says that the chaincode refused the transaction as a whole: see Error.Code and
	// Error.Text. It recorded nothing, and will be refused again.
	ErrRefused = errors.New("WB_REFUSED: the chaincode refused the transaction")
	// ErrTooLarge says that the transaction exceeds a limit of the network. It recorded nothing. Send less at a time.
	ErrTooLarge = errors.New("WB_TOO_LARGE: the transaction exceeds a limit of the network")
	// ErrDenied says that the network does not accept this identity: expired, revoked or without the right.
	ErrDenied = errors.New("WB_UNAUTHORISED: the network does not accept this identity")
	// ErrUnknownOutcome says that the transaction was sent and may or may not be recorded:
	// see Error.TxID, and Client.Resolve before anything is sent again.
	ErrUnknownOutcome = errors.New("WB_UNKNOWN_OUTCOME: the transaction's outcome is not known")
	// ErrNotFound says that a peer has not (yet) the block or transaction that was asked for.
	ErrNotFound = errors.New("WB_NOT_FOUND: the peer does not have it")
	// ErrClosed says that the client was closed.
	ErrClosed = errors.New("WB_CLOSED: the client is closed")
)

// Error is what every method of this package returns when it fails. It unwraps to one of the
// package's errors and to its cause.
type Error struct {
	// Op is the step that failed: evaluate, endorse, submit, commit status, deliver.
	Op string
	// Peer is the name of the peer that was asked last.
	Peer string
	// TxID is the transaction, where there is one.
	TxID string
	// Code is the stable code that began the chaincode's refusal (WB_…), empty if it gave none.
	Code string
	// Text is the chaincode's refusal without its code.
	Text string
	// Validation is the peers' reason for an invalidated transaction.
	Validation peer.TxValidationCode
	// Kind is one of the errors of this package.
	Kind error
	// Cause is what the peer or the transport said, nil if nothing.
	Cause error
}

// Error names the kind, the step, the peer and the cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Kind.Error())
	fmt.Fprintf(&b, " (%s", e.Op)
	if e.Peer != "" {
		fmt.Fprintf(&b, " at %s", e.Peer)
	}
	if e.TxID != "" {
		fmt.Fprintf(&b, ", transaction %s", e.TxID)
	}
	b.WriteString(")")
	switch {
	case e.Code != "" || e.Text != "":
		fmt.Fprintf(&b, ": %s: %s", e.Code, e.Text)
	case e.Cause != nil:
		fmt.Fprintf(&b, ": %s", causeText(e.Cause))
	}
	return b.String()
}

// Unwrap gives the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// maxCauseText bounds how much of a peer's words an error repeats.
const maxCauseText = 2048

// clockSlack is by how much a peer, which is told the caller's deadline, may be ahead of it.
const clockSlack = 100 * time.Millisecond

func causeText(err error) string {
	st, ok := status.FromError(err)
	if !ok {
		return cut(err.Error())
	}
	texts := []string{st.Message()}
	for _, d := range details(st) {
		texts = append(texts, d.GetMspId()+": "+d.GetMessage())
	}
	return cut(strings.Join(texts, "; "))
}

func cut(s string) string {
	if len(s) <= maxCauseText {
		return s
	}
	return strings.ToValidUTF8(s[:maxCauseText], "") + "…"
}

// The peer says these in words only: internal/peer/node/grpc_limiters.go,
// internal/pkg/gateway/{apiutils,endorse,submit,endorsement}.go of Fabric 3.1.
const (
	saysTooMany       = "too many requests"
	saysMismatch      = "ProposalResponsePayloads do not match"
	saysFirstEndorser = "failed to endorse transaction"
	saysFromOrderer   = "received unsuccessful response from orderer"
	saysChaincode     = "chaincode response "
)

var (
	chaincodeWords = regexp.MustCompile(`chaincode response (\d+), ((?s).*)$`)
	stableCode     = regexp.MustCompile(`^(WB_[A-Z0-9_]{1,60})(?::\s*|\s+|$)((?s).*)$`)
)

// classify turns what a peer answered into an Error. ctx is the caller's, without this package's limit.
func classify(ctx context.Context, op, peerName, txID string, err error) *Error {
	e := &Error{Op: op, Peer: peerName, TxID: txID, Cause: err}
	if cause := context.Cause(ctx); cause != nil {
		e.Kind, e.Cause = ErrDeadline, errors.Join(cause, err)
		if errors.Is(cause, context.Canceled) {
			e.Kind = context.Canceled
		}
		return e
	}
	st, ok := status.FromError(err)
	if !ok {
		st = status.FromContextError(err)
	}
	text := strings.Join(words(st), "\n")
	switch code := st.Code(); {
	case strings.Contains(text, saysChaincode):
		e.refusal(st) // first of all: what the chaincode says may quote anything
	case strings.Contains(text, saysTooMany):
		e.Kind = ErrTooMany
	case code == codes.DeadlineExceeded, code == codes.Canceled:
		e.Kind = ErrDeadline
		if at, ok := ctx.Deadline(); ok && time.Until(at) < clockSlack {
			e.Cause = errors.Join(context.DeadlineExceeded, err)
		}
	case code == codes.ResourceExhausted:
		e.Kind = ErrTooLarge // gRPC's limit on a message, of either side
	case code == codes.Unavailable:
		e.Kind = ErrUnavailable
	case code == codes.PermissionDenied, code == codes.Unauthenticated, says(text, "access denied", "identity expired", "creator is malformed", "certificate has expired", "status=FORBIDDEN"):
		e.Kind = ErrDenied
	case strings.Contains(text, saysFromOrderer):
		e.Kind = ErrInvalidated
		if says(text, "REQUEST_ENTITY_TOO_LARGE", "exceeds maximum allowed") {
			e.Kind = ErrTooLarge
		}
	case strings.Contains(text, saysMismatch):
		e.Kind = ErrMismatch
	default:
		// What is left of Aborted, FailedPrecondition and Unknown is a network not ready: no
		// endorsers known yet, a chaincode server that is down, a peer that lost its orderers.
		e.Kind = ErrUnavailable
	}
	return e
}

// refusal reads the chaincode's words. Where the first endorser agreed and a later one refused, the
// peers are of two minds, which is a mismatch and passes.
func (e *Error) refusal(st *status.Status) {
	for _, text := range words(st) {
		m := chaincodeWords.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		e.Kind = ErrRefused
		e.Text = cut(m[2])
		if c := stableCode.FindStringSubmatch(m[2]); c != nil {
			e.Code, e.Text = c[1], cut(c[2])
		}
		if e.Code == "WB_TOO_LARGE" {
			e.Kind = ErrTooLarge
		}
		break
	}
	if e.Op == opEndorse && !strings.HasPrefix(st.Message(), saysFirstEndorser) {
		e.Kind = ErrMismatch
	}
}

// unknown makes of a failure after sending an unknown outcome.
func (e *Error) unknown() *Error {
	c := *e
	c.Kind = ErrUnknownOutcome
	c.Cause = e
	return &c
}

func details(st *status.Status) []*gwproto.ErrorDetail {
	var out []*gwproto.ErrorDetail
	for _, d := range st.Details() {
		if d, ok := d.(*gwproto.ErrorDetail); ok {
			out = append(out, d)
		}
	}
	return out
}

// words are all that a status says: its message and its details'.
func words(st *status.Status) []string {
	texts := []string{st.Message()}
	for _, d := range details(st) {
		texts = append(texts, d.GetMessage())
	}
	return texts
}

func says(text string, phrases ...string) bool {
	for _, w := range phrases {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}
