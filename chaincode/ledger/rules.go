package ledger

// Rules reports whether settling the task, once its reveals are made or their time is over, has the referee rule.
func (v TaskView) Rules(p ScoringPolicy) bool {
	if v.Closing == nil || v.Settlement != nil || v.Provisional != nil && v.Provisional.By != 0 || len(v.Reveals) == 0 || v.Task.Statement.Model == "" {
		return false
	}
	t, err := tallyOf(v)
	return err == nil && (!t.quorum() || drawn(v, p))
}

// SettledWays lists the ways in which a task ends.
func SettledWays() []SettledBy {
	return []SettledBy{
		SettledUnanimous, SettledWindow, SettledDraw, SettledSplit, SettledChallenge,
		SettledNoWindow, SettledOmission, SettledSuperseded, SettledNobody, SettledBlend, SettledRevoked,
	}
}
