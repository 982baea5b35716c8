package gang

// Action is something that the caller has to do for a gang.
type Action struct {
	Kind  ActionKind
	UID   string // the member it concerns; empty where the gang is concerned
	Why   string // for Reject, Evict, Tell and RolledBack: a sentence for the pod's owner
	Gang  Key    // for Rest, Deadline, Prove, RolledBack and Keep
	Node  string // for Keep
	Round int    // for Rest: how often in a row the gang had to, >= 1; for Deadline and Prove: what to answer with
}

// ActionKind is the kind of an Action.
type ActionKind uint8

// The kinds of actions.
const (
	Activate   ActionKind = iota // let the member try to enter the queue, now
	Allow                        // end the member's wait: bind it
	Reject                       // end the member's wait: give its node back
	Evict                        // delete the member, which is bound: its gang is rolled back
	Unslot                       // the member's planned node is no longer kept for it
	Tell                         // tell the member's owner, once
	Rest                         // call Wake for the gang and the round after a while, the longer the higher the round
	Freed                        // room that was kept for planned members is free for others
	Deadline                     // call Expire for the gang and the round when its start has lasted too long
	Prove                        // try the bindings of the gang's held members dry, and call Proved with the round
	RolledBack                   // the gang was rolled back, for people to know
	Keep                         // keep the room that the member leaves on the node for its gang, for a while
)
