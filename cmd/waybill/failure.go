package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/waybill-dev/waybill/api/client"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Exit codes. They are part of the command's interface and stand in its help.
const (
	exitOK          = 0
	exitRefused     = 1   // some input was invalid or refused, or what was asked for is not there
	exitUsage       = 2   // the command line is wrong
	exitUnavailable = 3   // the network, a peer or the API could not be reached in time
	exitInternal    = 4   // a fault of Waybill or of this machine
	exitInterrupted = 130 // ended by a signal, as shells report it
)

// Codes that the command itself gives; all others come from the packages and the ledger.
const (
	codeUsage       = "WB_USAGE"
	codeUnavailable = "WB_UNAVAILABLE"
	codeInternal    = "WB_INTERNAL"
	codeInterrupted = "WB_INTERRUPTED"
	codeInvalid     = "WB_INVALID"
	codeRefused     = "WB_REFUSED"
	codeFile        = "WB_FILE"
)

// failure is an error as the user meets it: what happened, its stable code, what to do, and the
// exit code. An empty message prints nothing: the command has already said what was wrong.
type failure struct {
	exit int
	code string
	err  error
	hint string
	said bool // the output already names each fault
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func fail(exit int, code, hint, format string, args ...any) *failure {
	return &failure{exit: exit, code: code, err: fmt.Errorf(format, args...), hint: hint}
}

// refused ends a command whose output has already named each refused input.
func refused(format string, args ...any) *failure {
	f := fail(exitRefused, codeInvalid, "", format, args...)
	f.said = true
	return f
}

func usage(format string, args ...any) *failure {
	return fail(exitUsage, codeUsage, "run the command with --help for its flags and examples", format, args...)
}

func (f *failure) print(w io.Writer, asJSON bool) {
	message := strings.Replace(f.Error(), f.code+": ", "", 1)
	if asJSON {
		type body struct {
			Code    string `json:"code"`
			Message string `json:"message"`
			Hint    string `json:"hint,omitempty"`
		}
		_ = json.NewEncoder(w).Encode(map[string]body{"error": {f.code, message, f.hint}})
		return
	}
	if f.said {
		fmt.Fprintf(w, "waybill: %s\n", message)
		return
	}
	fmt.Fprintf(w, "waybill: %s: %s\n", f.code, message)
	if f.hint != "" {
		fmt.Fprintf(w, "  %s\n", f.hint)
	}
}

var stableCode = regexp.MustCompile(`\bWB_[A-Z0-9_]+\b`)

// classify turns any error of a command into the failure to show. started tells an error of the
// command line from one of the command.
func classify(ctx context.Context, err error, started bool) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if !started {
		return usage("%w", err)
	}
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || status.Code(err) == codes.Canceled) {
		return &failure{exit: exitInterrupted, code: codeInterrupted, err: errors.New("interrupted")}
	}
	code := codeOf(err)
	return &failure{exit: exitOf(code), code: code, err: plain(err), hint: hintOf(code)}
}

// codeOf finds the stable code of an error: the first in its text, else one for its gRPC status.
func codeOf(err error) string {
	if code := stableCode.FindString(err.Error()); code != "" {
		return code
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return codeUnavailable
	}
	if code := ledger.Code(err); code != ledger.CodeInternal {
		return code
	}
	if _, ok := status.FromError(err); !ok {
		return codeInternal
	}
	switch code := client.Code(err); code {
	case "WB_DEADLINE", "WB_CANCELLED":
		return codeUnavailable
	default:
		return code
	}
}

var dialing = regexp.MustCompile(`^connection error: desc = "(?:transport: )?(?:Error while dialing: |authentication handshake failed: )?(.*)"$`)

// plain drops gRPC's own wording from an error, the user's business is what the server said.
func plain(err error) error {
	var s interface{ GRPCStatus() *status.Status }
	if errors.As(err, &s) && s.GRPCStatus() != nil {
		if s.GRPCStatus().Code() == codes.DeadlineExceeded {
			return errors.New("no answer within the time allowed")
		}
		message := s.GRPCStatus().Message()
		if m := dialing.FindStringSubmatch(message); m != nil {
			message = m[1]
		}
		return errors.New(message)
	}
	return err
}

func exitOf(code string) int {
	switch code {
	case codeUsage:
		return exitUsage
	case codeUnavailable, "WB_DEADLINE", "WB_TOO_MANY", "WB_BUSY", "WB_STOPPING", "WB_UNKNOWN_OUTCOME", "WB_ENDORSEMENT_MISMATCH",
		"WB_READ_CONFLICT", "WB_SERVICE_IDENTITY", "WB_SLOW_READER", "WB_STORE_UNAVAILABLE":
		return exitUnavailable
	case codeInternal, "WB_STATE_FOLDER":
		return exitInternal
	case codeInterrupted:
		return exitInterrupted
	}
	return exitRefused
}

// hintOf says what to do about a code, where there is something to say.
func hintOf(code string) string {
	return map[string]string{
		codeUnavailable:        "is it running? `waybill status` says what answers; `waybill network up` and `waybill serve` start it",
		"WB_UNAUTHORISED":      "choose an identity that may do this with --identity",
		"WB_PROFILE_NOT_FOUND": "start a network with `waybill network up`, or name a connection profile with --profile FILE",
		"WB_STORE_FOREIGN":     "the state folder was made on another ledger: remove <dir>/serve/<org> to have it built again from this one, or name another --dir",
		"WB_STORE_CORRUPT":     "remove <dir>/serve/<org> to have it built again from the ledger",
		"WB_STORE_NEWER":       "run the newer program, or remove <dir>/serve/<org> to have it built again from the ledger",
		"WB_STORE_OLDER":       "start the process that keeps the read model with this version of the program",
		"WB_STORE_UNAVAILABLE": "does the database of --store answer? `psql` with the same URL says why not",
		"WB_STORE_LOCATION":    "name the database as postgres://user@host/database?sslmode=verify-full",
		"WB_BENCH_NOT_READY":   "`waybill scoring scorers` and `policy` say what is there, `waybill status` what runs; README, \"Judge together\", has the steps",
		"WB_PROFILE_INVALID":   "mend the connection profile, or let `waybill network up` write a new one",
	}[code]
}
