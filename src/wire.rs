//! What parent and child say to each other during a birth: fixed-size messages over one SOCK_SEQPACKET pair.
//!
//! Shared by `launch` (the parent's end) and `child` (the other end); the last stage speaks it too. One datagram is
//! one message, end of file means that the other side died. Nothing here knows what a plan is: a failure travels
//! as step + errno + index, and the parent, which has the same plan, writes the sentence.
