import type { Permission } from '../protocol/permission.ts';

/** What a program that has a token is. */
export const ROLES = ['reader', 'producer', 'worker', 'operator'] as const;
export type Role = (typeof ROLES)[number];

const PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  reader: ['read'],
  producer: ['read', 'add'],
  worker: ['read', 'work'],
  operator: ['read', 'add', 'work', 'operate'],
};

export const permissionsOf = (roles: readonly Role[]): ReadonlySet<Permission> => new Set(roles.flatMap((role) => PERMISSIONS[role]));

/** The role that permits the least of those that permit it. */
export const roleFor = (permission: Permission): Role => ROLES.find((role) => PERMISSIONS[role].includes(permission)) ?? 'operator';
