package ledger

import "slices"

// goesOnAs reports whether a list goes on with the journey whose windows it counts: the latest final verdict on a window before its own
// rests on what this list begins the journey with, opened, and this list has what closed that window. What else that one rests on
// says nothing: whoever had it judged may have listed what changes nothing. It is asked of a list that closes its window, so that
// the windows before are no more than it has references and segments.
func (s TaskStatement) goesOnAs(opened int, l ScoringLedger) (bool, error) {
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
		closed, ok := earlier.closing()
		return earlier.lists(s.References[opened]) && (!ok || s.has(closed)), nil
	}
	return true, nil
}

// closing is the fact that closes a statement's window, false if that has no place in the proof log. What is listed before may be
// what changes nothing.
func (s TaskStatement) closing() (LogFact, bool) {
	if len(s.References) == 0 || !s.References[len(s.References)-1].hasPlace() {
		return LogFact{}, false
	}
	return s.Ends()
}

// lists reports whether a statement names an event that another does.
func (s TaskStatement) lists(event Reference) bool {
	return slices.ContainsFunc(s.References, func(r Reference) bool { return r.Kind == event.Kind && r.Digest == event.Digest })
}

// has reports whether a statement names a fact.
func (s TaskStatement) has(f LogFact) bool {
	return slices.ContainsFunc(s.References, func(r Reference) bool {
		switch r.Kind {
		case RefEvent, RefElsewhere:
			return f.Device == "" && r.Digest == f.Event
		case RefSegments:
			return r.ID == f.Device && r.First <= f.Segment && f.Segment <= r.Last
		case RefPolicy, RefFinding, RefClosed, RefWithdrawn:
		}
		return false
	})
}
