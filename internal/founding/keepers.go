package founding

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// ErrKeepers says that the network's rules name other keepers than they should.
var ErrKeepers = errors.New("WB_OTHER_KEEPERS: the network's rules name other keepers")

// KeepersDigest names a set of keepers, in whatever order: the first rules are one organisation's word, and the others
// compare what it wrote with what was agreed on.
func KeepersDigest(keepers []string) ledger.Digest {
	names := slices.Clone(keepers)
	slices.Sort(names)
	return sha256.Sum256([]byte("waybill keepers\x00" + strings.Join(slices.Compact(names), "\x00")))
}

// CheckKeepers holds that rules name the keepers that were agreed on. It fails with ErrKeepers.
func CheckKeepers(book ledger.MasterDatum, agreed []string) error {
	if book.Rules == nil || KeepersDigest(book.Rules.Keepers) != KeepersDigest(agreed) {
		return fmt.Errorf("%w: %s; agreed on were %s", ErrKeepers, TellRules(book), strings.Join(agreed, ", "))
	}
	return nil
}

// TellRules says who keeps the rules, under which digest, and on whose word.
func TellRules(book ledger.MasterDatum) string {
	if book.Rules == nil {
		return "no rules"
	}
	digest := KeepersDigest(book.Rules.Keepers)
	word := "on the word of " + book.SetBy + " alone"
	if book.Version > 1 {
		word = "by the votes of " + strings.Join(book.Approvals, ", ")
	}
	return fmt.Sprintf("rules, version %d: kept by %s (%s), %s", book.Version, strings.Join(book.Rules.Keepers, ", "), hex.EncodeToString(digest[:8]), word)
}

// Rules gives the network's rules in force, nil if there are none.
func (o *Organisation) Rules(ctx context.Context) (*ledger.MasterDatum, error) {
	return o.seat.rules(ctx)
}
