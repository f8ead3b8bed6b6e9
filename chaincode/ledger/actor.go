package ledger

import (
	"slices"
	"strings"
)

// Tx is the transaction that a decision is taken in.
type Tx struct {
	ID    string
	Time  Millis // chosen by the submitter, within MaxSkew of the endorsing peers' clocks
	Actor Actor
}

// ParseRoles reads a certificate's waybill.role attribute: roles parted by commas. Names that are no
// roles are left out.
func ParseRoles(attribute string) []Role {
	var roles []Role
	for name := range strings.SplitSeq(attribute, ",") {
		switch r := Role(strings.TrimSpace(name)); r {
		case RoleRecorder, RoleGateway, RoleScorer, RoleRegistrar, RoleReader, RoleAnchor, RoleHolder, RoleModeller, RoleSteward:
			if !slices.Contains(roles, r) {
				roles = append(roles, r)
			}
		}
	}
	return roles
}

// Require refuses an actor without the role.
func (a Actor) Require(role Role) error {
	if a.MSPID == "" || !slices.Contains(a.Roles, role) {
		return refuse(ErrUnauthorised, "%s of %s does not hold the role %q; use a certificate whose attribute waybill.role names it", a.Subject, a.MSPID, role)
	}
	return nil
}

// CheckSkew refuses a transaction whose time is too far from a peer's clock. It only ever refuses,
// so that clocks never shape what is recorded.
func CheckSkew(tx, clock Millis) error { return CheckSkewWithin(tx, clock, maxSkew) }

// CheckSkewWithin refuses a transaction whose time is further from a peer's clock than is allowed.
func CheckSkewWithin(tx, clock, allowed Millis) error {
	if d := tx - clock; d > allowed || -d > allowed {
		return refuse(ErrSkew, "the transaction says %s, this peer's clock %s, and %d ms are allowed; set the client's clock",
			tx.Time().Format("2006-01-02T15:04:05.000Z"), clock.Time().Format("2006-01-02T15:04:05.000Z"), allowed)
	}
	return nil
}

// checkNotFuture refuses a time later than the transaction's, give or take MaxSkew.
func checkNotFuture(what string, at, tx Millis) error {
	if at > tx+maxSkew {
		return refuse(ErrFuture, "%s is at %s, the transaction at %s", what,
			at.Time().Format("2006-01-02T15:04:05.000Z"), tx.Time().Format("2006-01-02T15:04:05.000Z"))
	}
	return nil
}
