package ledger

// alternative is one of the things of which a statement holds exactly one.
type alternative[K any] struct {
	held bool
	kind K
}

// sole gives the kind of the one alternative that a statement holds, zero if it holds none or several.
func sole[K any](all []alternative[K]) K {
	var kind, none K
	held := 0
	for _, a := range all {
		if a.held {
			kind = a.kind
			held++
		}
	}
	if held != 1 {
		return none
	}
	return kind
}
