package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// codeOtherProof says that a proof is valid and of something else than what was expected.
const codeOtherProof = "WB_PROOF_OTHER"

// expectation is a fact that a proof has to prove.
type expectation struct {
	said   string
	proves func(proof.Fact) bool
}

// expectations reads what --event and --expect say.
func expectations(events, expects []string) ([]expectation, error) {
	all := make([]string, 0, len(events)+len(expects))
	for _, hash := range events {
		all = append(all, "event "+hash)
	}
	var out []expectation
	for _, said := range append(all, expects...) {
		e, err := expected(said)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// expected reads a fact in the words of the command that proves it, such as "segment DEVICE SEQ".
func expected(said string) (expectation, error) {
	words := strings.Fields(said)
	wrong := func(why string) (expectation, error) {
		return expectation{}, usage("%q is no fact such as %q: %s", said, "event HASH", why)
	}
	if len(words) < 2 {
		return wrong("name it as `waybill prove` does")
	}
	args := words[1:]
	var key string
	var err error
	switch {
	case words[0] == "event" && len(args) == 1, words[0] == "restatement" && len(args) == 1:
		var hash epcis.Hash
		if hash, err = epcis.ParseHash(args[0]); err != nil {
			break
		}
		if words[0] == "restatement" {
			return expectation{said, func(f proof.Fact) bool {
				kind, of, failed := wire.ParseKey(f.Key)
				return failed == nil && kind == wire.KindRestatement && len(of) == 2 && of[0] == ledger.Digest(hash).String()
			}}, nil
		}
		key = wire.EventKey(ledger.Digest(hash))
	case words[0] == "segment" && len(args) == 2:
		seq, notNumber := segmentOf(args[1])
		device, notID := epcis.CanonicalEPC(args[0])
		if err = cmp.Or(notNumber, notID); err == nil {
			key, err = wire.SegmentKey(device, seq)
		}
	case words[0] == "verdict" && len(args) == 3:
		window, notNumber := windowOf(args[1])
		shipment, notID := epcis.CanonicalEPC(args[0])
		if err = cmp.Or(notNumber, notID); err == nil {
			key, err = wire.VerdictKey(shipment, *window, args[2])
		}
	case words[0] == "final" && (len(args) == 2 || len(args) == 3):
		window, notNumber := windowOf(args[1])
		shipment, notID := epcis.CanonicalEPC(args[0])
		if err = cmp.Or(notNumber, notID); err == nil {
			key, err = wire.FinalKey(shipment, *window, strings.Join(args[2:], ""))
		}
	case words[0] == "finding" && (len(args) == 2 || len(args) == 3):
		var n ledger.Naming
		if n, err = expectedFinding(args); err == nil {
			key, err = wire.NamingKey(n)
		}
	default:
		return wrong("name it as `waybill prove` does: event, restatement, segment, verdict, final or finding")
	}
	if err != nil {
		return wrong(err.Error())
	}
	return expectation{said, func(f proof.Fact) bool { return f.Key == key }}, nil
}

// segmentOf reads the number of a segment.
func segmentOf(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, usage("%q is not a segment's number, which are counted from 0", text)
	}
	return n, nil
}

func expectedFinding(args []string) (ledger.Naming, error) {
	code, event, item, err := findingName(args)
	if err != nil {
		return ledger.Naming{}, err
	}
	hash, err := epcis.ParseHash(event)
	if err == nil && item != "" {
		item, err = epcis.CanonicalEPC(item)
	}
	return ledger.Naming{Event: ledger.Digest(hash), Code: ledger.FindingCode(code), Item: item}, err
}

// meets refuses a proof that does not prove all that is expected.
func meets(v proof.Verified, expected []expectation) error {
	for _, e := range expected {
		if slices.ContainsFunc(v.Facts, e.proves) {
			continue
		}
		proven := "that one root continues another"
		if len(v.Facts) > 0 {
			proven = v.Facts[0].String()
			if more := len(v.Facts) - 1; more > 0 {
				proven += fmt.Sprintf(" and %d more", more)
			}
		}
		return fail(exitRefused, codeOtherProof, "", "the proof is valid and does not prove %s; it proves %s", e.said, proven)
	}
	return nil
}
