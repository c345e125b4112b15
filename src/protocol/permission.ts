/** What a token can permit: to read, to add jobs, to work on jobs, to operate the cluster. Each command needs one of them. */
export type Permission = 'read' | 'add' | 'work' | 'operate';
