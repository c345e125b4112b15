/** Notifies the members of a group of a change. A change that a member makes while it is notified is sent to all members after the current round. */
export class ChangeNotice<Member> {
  readonly #members = new Set<Member>();
  readonly #tell: (member: Member) => void;
  #isTelling = false;
  #hasChangedAgain = false;

  constructor(tell: (member: Member) => void) {
    this.#tell = tell;
  }

  join(member: Member): void {
    this.#members.add(member);
  }

  leave(member: Member): void {
    this.#members.delete(member);
  }

  send(): void {
    this.#hasChangedAgain = true;
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      while (this.#hasChangedAgain) {
        this.#hasChangedAgain = false;
        for (const member of [...this.#members]) if (this.#members.has(member)) this.#tell(member);
      }
    } finally {
      this.#isTelling = false;
    }
  }
}
