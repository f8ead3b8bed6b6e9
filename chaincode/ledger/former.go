package ledger

import "slices"

// A container that goes on several journeys counts its windows on. A task of a later journey says with which window that begins,
// and its list starts there. That is only so if the journey before was over then, and everything that is told of the later one came
// after it.

// follows holds that a task of a later journey begins where the one before had ended. Of a verdict that joined answers of several
// models the ledger does not know whether it had.
func (s TaskStatement) follows(l ScoringLedger) error {
	if s.Begins == 0 || s.Model == "" {
		return nil
	}
	final, err := s.former(l)
	switch {
	case err != nil:
		return err
	case final == nil:
		return refuse(ErrUnknown, "window %d of %s, before which the journey does not begin, has no final verdict", s.Begins-1, s.Shipment)
	case final.Model != "" && !final.Ended:
		return refuse(ErrTaskState, "the journey of %s had not ended with window %d, so that none begins with the next", s.Shipment, s.Begins-1)
	}
	return nil
}

// end gives the last fact of the proof log that the last final verdict of the container's journey before rests on, and that
// verdict's task.
func (s TaskStatement) end(l ScoringLedger) (LogFact, TaskStatement, error) {
	if s.Begins == 0 {
		return LogFact{}, TaskStatement{}, refuse(ErrSchema, "the container was on no journey before")
	}
	final, err := s.former(l)
	if err != nil {
		return LogFact{}, TaskStatement{}, err
	}
	if final == nil {
		return LogFact{}, TaskStatement{}, refuse(ErrUnknown, "window %d of %s has no final verdict", s.Begins-1, s.Shipment)
	}
	earlier, err := l.Statement(final.Task)
	if err != nil {
		return LogFact{}, TaskStatement{}, err
	}
	if earlier == nil {
		return LogFact{}, TaskStatement{}, refuse(ErrUnknown, "task %s", final.Task)
	}
	end, ok := earlier.Ends()
	if !ok {
		return LogFact{}, TaskStatement{}, refuse(ErrCommitment, "the journey before rests on nothing that the proof log has")
	}
	return end, *earlier, nil
}

// Ends is the last of what a statement lists that the proof log has, false if that is nothing. Of a journey's last window with a
// final verdict it is what tells the next journey from that one, see ChallengeTask.Since and Misplaced.Former.
func (s TaskStatement) Ends() (LogFact, bool) {
	for _, r := range slices.Backward(s.References) {
		switch r.Kind {
		case RefEvent, RefElsewhere:
			return LogFact{Event: r.Digest}, true
		case RefSegments:
			return LogFact{Device: r.ID, Segment: r.Last}, true
		case RefPolicy, RefFinding, RefClosed, RefWithdrawn:
		}
	}
	return LogFact{}, false
}

// former holds that the log has the event with which the list begins the journey before the end of the one before.
func (op Misplaced) former(v TaskView, referee Referee, order LogOrder, l ScoringLedger) error {
	s := v.Task.Statement
	listed, err := s.located(op.First, op.FirstSegment)
	if err != nil {
		return err
	}
	_, earlier, err := s.end(l)
	if err != nil {
		return err
	}
	end, ok := earlier.closing()
	if !ok {
		return refuse(ErrCommitment, "what closed the last window of the journey before has no place in the proof log")
	}
	if end != listed {
		before, root, failed := order(op.Proof, listed, end)
		switch {
		case failed != nil:
			return failed
		case !before:
			return refuse(ErrCommitment, "the proof log has reference %d after the end of the journey before", op.First)
		}
		if err = anchoredBy(root, l); err != nil {
			return err
		}
	}
	ruling, err := referee(s, MaxTaskPackBytes)
	if err == nil && ruling.Opened != int(op.First) {
		err = refuse(ErrCommitment, "the journey does not begin with reference %d", op.First)
	}
	return err
}

// late holds that what a claim puts before a later journey was of the one before: that one's list with it closes the window with
// which the task says that the later journey begins. inserted is the task with what is left out.
func (s TaskStatement) late(c Claim, inserted TaskStatement, referee Referee, l ScoringLedger) error {
	ruling, err := referee(inserted, MaxClaimPackBytes)
	if err != nil {
		return err
	}
	if ruling.Opened < c.insertedAt() {
		return refuse(ErrSchema, "the journey began with reference %d, after which nothing of the one before comes", ruling.Opened)
	}
	_, longer, err := s.end(l)
	if err != nil {
		return err
	}
	longer.References = append(slices.Clone(longer.References), c.Omitted)
	longer.Window, longer.Model = s.Begins, s.Model
	if ruling, err = referee(longer, MaxClaimPackBytes); err != nil {
		return err
	}
	if ruling.Fault != "" {
		return refuse(ErrCommitment, "what is said to be left out closes no window of the journey before: %s", ruling.Fault)
	}
	return nil
}
