/** Tells the members of a group that something changed. A member that changes it again is not called within the call: all are, anew, behind it. */
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
