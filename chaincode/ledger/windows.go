package ledger

import "slices"

// goesOnAs reports whether a list goes on with the journey whose windows it counts: that journey's lists only grow, so that it
// names all events of the container itself that the latest final verdict on a window before its own rests on. It is asked of a list
// that closes its window, so that these are no more than it has references and segments.
func (s TaskStatement) goesOnAs(l ScoringLedger) (bool, error) {
	before := s
	for before.Begins = s.Window; before.Begins > s.Begins; before.Begins-- {
		final, err := before.former(l) // of the window before
		if err != nil {
			return false, err
		}
		if final == nil {
			continue
		}
		earlier, err := l.Statement(final.Task)
		if err != nil || earlier == nil {
			return earlier == nil, err
		}
		listed := map[Digest]struct{}{}
		for _, r := range s.References {
			if r.Kind == RefEvent {
				listed[r.Digest] = struct{}{}
			}
		}
		return earlier.Begins == s.Begins && !slices.ContainsFunc(earlier.References, func(r Reference) bool {
			_, ok := listed[r.Digest]
			return r.Kind == RefEvent && len(r.Containers) == 0 && !ok
		}), nil
	}
	return true, nil
}
