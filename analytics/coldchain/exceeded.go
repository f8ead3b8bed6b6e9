package coldchain

// Exceeded reports whether a rule has been broken so far, while the journey is under way. Unlike
// Uses it takes no memory, so that it can be asked after every reading.
func (e *Evaluator) Exceeded(rule Rule) bool {
	switch rule {
	case AboveRange:
		return e.above.isExceeded
	case BelowRange:
		return e.below.isExceeded
	case ExcursionBudget:
		return e.budget
	case MKTExceeded:
		u, ok := e.mkt(false)
		return ok && u.Exceeded
	case Frozen:
		return e.frozen.isExceeded
	default:
		return false
	}
}
